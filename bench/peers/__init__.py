"""The programs that cscd is compared with; `registry` lists them."""
