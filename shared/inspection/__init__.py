"""四性检测: the checks of the four properties (DA/T 70-2018), what runs them, and the report."""
