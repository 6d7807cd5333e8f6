"""The domain: fonds 全宗, record 件, volume 案卷, holdings, retention 保管期限, archival code 档号.

Pure rules and the shapes that travel; no pages, no sessions. Every text that enters Danglian passes
`values`, every security class passes `security`, every number is made by `numbering`.
"""
