"""归档: collect, describe, arrange, number, and close the class of a year (定号).

Keeps the records 件, volumes 案卷 and projects 项目 of the office's fonds, their documents, files
and history, until the archive has received them.
"""
