"""Pages of long work: how far it is, and the button to stop."""
