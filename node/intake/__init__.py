"""Intake 从表格导入: a catalogue sheet (CSV, XLSX, XLS) becomes records to arrange 待整理.

Every row is read, checked and staged first; nothing reaches filing before a person says so, and
the rows with problems go back to them as a spreadsheet with a column of reasons.
"""
