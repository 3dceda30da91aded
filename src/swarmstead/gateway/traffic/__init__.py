"""What keeps calls from piling up: token buckets, gates and breakers. Rules only; the links in `gateway/links` wait."""
