while read -r line; do
    echo "$line" # TODO: louder
done
