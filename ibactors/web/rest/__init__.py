"""The operations of the REST interface and the documents derived from them."""
