"""The report as one HTML file that needs nothing besides itself: no network, no server, no other file."""
