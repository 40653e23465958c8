"""What the API promises: routes, problems, queries, messages and their encoding. Imports no other room of the web layer."""
