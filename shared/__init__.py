"""What hub and node both speak. Knows neither of them."""
