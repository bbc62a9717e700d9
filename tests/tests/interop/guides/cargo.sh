# What the pages use of cargo, without building anything again: `cargo rtspan` and `cargo run --example NAME`.
case "$1 $2" in
"rtspan "*) shift; exec rtspan "$@" ;;
"run --example") example=$examples/$3; shift 3; [ "$1" != -- ] || shift; exec "$example" "$@" ;;
*) echo "the tests of the guides do not know: cargo $*" >&2; exit 2 ;;
esac
