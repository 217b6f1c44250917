"""The registry: immutable Parquet files under unique names, one folder per table; it only grows."""
