"""Collect, validate and keep the output of network devices, full-screen or from cron."""

__version__ = "0.1.0"
