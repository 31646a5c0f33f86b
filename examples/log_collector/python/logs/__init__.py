"""The parts of the log collector; see ../log_collector.py."""
