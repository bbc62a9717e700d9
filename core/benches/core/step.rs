//! A step, and the two ways to measure it.

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};

/// Items that a step has done before they count, so that queues and blocks have the size that they keep.
const ITEMS_BEFORE: usize = 10_000;
/// Items that count at least.
const ITEMS_COUNTED: usize = 1_000;

/// Something that is done again and again, with a number of items at a time.
pub(crate) struct Step<F> {
    items: usize,
    run: F,
}

impl<R, F: FnMut() -> R> Step<F> {
    pub(crate) fn new(items: usize, run: F) -> Self {
        Self { items, run }
    }

    /// Measures how long an item takes.
    pub(crate) fn time(self, bencher: Bencher<'_, '_>) {
        bencher.counter(ItemsCount::new(self.items)).bench_local(self.run);
    }

    /// Has the instructions counted that `name` takes, if this process is run to count.
    pub(crate) fn count(mut self, name: &str) {
        let rounds = |items: usize| items.div_ceil(self.items);
        (0..rounds(ITEMS_BEFORE)).for_each(|_| drop(black_box((self.run)())));
        let rounds = rounds(ITEMS_COUNTED);
        (0..rounds).for_each(|_| counted(&mut self.run));
        println!("{name} {}", rounds * self.items);
        end_of_step();
    }
}

/// Callgrind counts within this function, which it knows by its name.
#[inline(never)]
fn counted<R>(run: &mut impl FnMut() -> R) {
    drop(black_box(run()));
}

/// Callgrind writes down what it has counted, and starts anew, when it sees this function.
#[inline(never)]
fn end_of_step() {
    black_box(());
}

/// Makes a benchmark of each step, and a function `count` that has all of them counted.
macro_rules! steps {
    ($($(#[$attribute:meta])* $name:ident $(($parameter:ident: $type:ty = $arguments:expr))? = $step:expr;)*) => {
        $(steps! { @time $(#[$attribute])* $name $(($parameter: $type = $arguments))? = $step })*

        pub(crate) fn count() {
            $(steps! { @count $name $(($parameter: $type = $arguments))? = $step })*
        }
    };
    (@time $(#[$attribute:meta])* $name:ident = $step:expr) => {
        $(#[$attribute])*
        #[divan::bench]
        fn $name(bencher: divan::Bencher<'_, '_>) {
            $step.time(bencher);
        }
    };
    (@time $(#[$attribute:meta])* $name:ident ($parameter:ident: $type:ty = $arguments:expr) = $step:expr) => {
        $(#[$attribute])*
        #[divan::bench(args = $arguments)]
        fn $name(bencher: divan::Bencher<'_, '_>, $parameter: $type) {
            $step.time(bencher);
        }
    };
    (@count $name:ident = $step:expr) => {
        $step.count(concat!(module_path!(), "::", stringify!($name)));
    };
    (@count $name:ident ($parameter:ident: $type:ty = $arguments:expr) = $step:expr) => {
        for $parameter in $arguments {
            $step.count(&format!("{}::{}({})", module_path!(), stringify!($name), $parameter));
        }
    };
}
pub(crate) use steps;
