"""A machine at the other end of a link, and a job that is done there."""
