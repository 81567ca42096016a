"""What `gan_lab.sample` draws: modes arrange samples or study them, formats write them."""
