grep -c ""
