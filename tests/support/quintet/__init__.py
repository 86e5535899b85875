"""What the tests of Quintet share: a codec of their own, a client, and private servers."""
