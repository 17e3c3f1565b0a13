"""What every room uses: time, text, files, locks, the network, and the words of the field."""
