"""Tools for those who change the product; not part of the wheel."""
