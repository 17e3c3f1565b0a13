"""What people decide about findings and reviews: written into the journal, and replayed."""
