"""Many clients that do no good, beside one that asks for something: it must not notice, and nothing of them may stay."""
