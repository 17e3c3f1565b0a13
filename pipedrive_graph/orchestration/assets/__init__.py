"""The asset definitions, and the job that sends alerts."""
