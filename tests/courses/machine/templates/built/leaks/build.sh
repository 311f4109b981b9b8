# Makes the programs of all roles.
set -e
for role in peer listener dialer; do
    cp "$1/peer.py" "$2/$role"
    chmod 755 "$2/$role"
done
