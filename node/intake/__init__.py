"""Intake 从表格导入: catalogue sheets (CSV, XLSX, XLS) become records to arrange 待整理.

One sheet of records 件, or sheets of projects 项目, volumes 案卷 and items 卷内文件 that belong
together, with computer files if there are any.

Every row is read, checked and staged first; nothing reaches filing before a person says so, and
the rows with problems go back to them as a spreadsheet with a column of reasons.
"""
