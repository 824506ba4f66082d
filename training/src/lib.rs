//! From history files to a published release: read, split, fit, judge, publish.
