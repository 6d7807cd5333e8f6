"""The forms in which the repository is exported, with their names for people."""

from __future__ import annotations

OWN, EEP, DAT93, MEDIUM, BAGIT, EARK, OCFL = (
    *("own", "eep", "dat93", "medium"),
    *("bagit", "eark", "ocfl"),
)
FORMS = {
    OWN: "档联信息包（原样）",
    EEP: "电子文件封装包（DA/T 48-2009）",
    DAT93: "件级信息包（DA/T 93-2022）",
    MEDIUM: "载体存储结构（档发〔2012〕7号）",
    BAGIT: "BagIt 1.0（RFC 8493）",
    EARK: "E-ARK 式目录（普通清单代替 METS）",
    OCFL: "馆藏原样（OCFL 1.1）",
}
#: Many records in one tree, not one package for each.
TREES = (DAT93, MEDIUM)
