# The file is written when the session is made, and before this peer ends.
setsid sh -c 'echo $$ >grandchild.new; mv grandchild.new grandchild; exec sleep 1000' >/dev/null 2>&1 </dev/null &
until [ -e grandchild ]; do sleep 0.01; done
echo done
