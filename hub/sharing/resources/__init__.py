"""The resource catalogue 政务信息资源目录: what each archive can share, described by 13 core items.

The archive is the provider 提供方 and approves; the hub carries. Versions, once published, stay.
"""
