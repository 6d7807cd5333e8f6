"""The reference 接口说明 of the API for those who write programs: read from its own description."""
