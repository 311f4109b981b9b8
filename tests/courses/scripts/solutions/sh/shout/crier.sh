count=0
while IFS= read -r line; do
    printf '%s\n' "$line" | tr '[:lower:]' '[:upper:]'
    count=$((count + 1))
done
echo "$count lines"
