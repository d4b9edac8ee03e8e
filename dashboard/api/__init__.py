"""Interfaces of the application for programs."""
