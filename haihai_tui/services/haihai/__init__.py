"""The HaiHai Mail client and its declared wire format."""
