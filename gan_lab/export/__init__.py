"""A trained generator taken elsewhere: files that load without gan_lab, and folders of the Hugging Face Hub."""
