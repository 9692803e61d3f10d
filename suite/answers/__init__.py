"""What a trained model says of pictures, texts and words."""
