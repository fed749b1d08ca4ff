"""What runs and sweeps say of themselves: as data, tables, curves and one HTML page."""
