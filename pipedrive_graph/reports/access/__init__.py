"""Makes the access report: one HTML file that a security reviewer can read, print and sign."""
