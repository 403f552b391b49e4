//! Counts the bytes that one thread holds, so that an input that makes a kernel allocate without limit is found.
//!
//! The counts are a thread's own: targets run side by side, and kernels are synchronous. What one thread allocates and another
//! frees is counted wrongly; no kernel does that.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The system's allocator, with a count for each thread.
///
/// A test binary makes it its own with `#[global_allocator]`.
pub struct CountingAllocator;

thread_local! {
    // Constant and without a destructor: reading them allocates nothing, at any moment of a thread's life.
    static HELD_BYTES: Cell<isize> = const { Cell::new(0) };
    static PEAK_BYTES: Cell<isize> = const { Cell::new(0) };
}

fn count(difference: isize) {
    let held = HELD_BYTES.get() + difference;
    HELD_BYTES.set(held);
    PEAK_BYTES.set(PEAK_BYTES.get().max(held));
}

fn signed(size_bytes: usize) -> isize {
    isize::try_from(size_bytes).unwrap_or(isize::MAX)
}

// SAFETY: every call is handed to the system's allocator as it came; the counts beside it are not touched by it.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(signed(layout.size()));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(signed(layout.size()));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-signed(layout.size()));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count(signed(new_size) - signed(layout.size()));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.realloc(pointer, layout, new_size) }
    }
}

/// Runs `work`; also the most bytes that this thread held at a time beyond what it held before. 0 unless [`CountingAllocator`] is
/// the program's.
pub fn peak_of<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = HELD_BYTES.get();
    PEAK_BYTES.set(before);
    let result = work();
    let peak = PEAK_BYTES.get() - before;
    (result, usize::try_from(peak).unwrap_or(0))
}
