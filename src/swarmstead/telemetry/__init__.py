"""What the product shows of itself: metrics, log lines and trace ids, with secrets taken out first."""
