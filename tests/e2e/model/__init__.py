"""The model of test_model.py: what a facade's workers may answer while everything goes wrong around them."""
