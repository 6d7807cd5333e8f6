"""Harvesting 元数据收割: OAI-PMH 2.0 over a feed, for libraries and research bodies."""
