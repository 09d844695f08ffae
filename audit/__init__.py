"""Evidence about claims, the status that follows from it, and the reports that people read."""
