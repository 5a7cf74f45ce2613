"""Targets are held against the book when they are used."""

REPORT = "2026-10"
