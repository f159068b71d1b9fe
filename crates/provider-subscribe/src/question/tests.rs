//! What is asked, to the letter.
