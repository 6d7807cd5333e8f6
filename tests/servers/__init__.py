"""Real servers for tests: started privately, on free ports, and ended with the test run."""
