"""Speed and skill, one command each; none of it is part of the product."""
