"""A local web page that runs the .tflite files of a bundle."""
