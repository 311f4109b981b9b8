# Forgets the capital letters.
count=0
while IFS= read -r line; do
    printf '%s\n' "$line"
    count=$((count + 1))
done
echo "$count lines"
