"""The page 待双人确认: dangerous acts that a second person confirms or refuses."""
