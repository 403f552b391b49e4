//! Several files, and which of them are looked at.

use super::*;

#[test]
fn files_that_disagree_are_named() {
    let row = |count: usize| (0..count).map(|n| n.to_string()).collect::<Vec<String>>().join(",") + "\n";
    let mut samples: Vec<Sample> = (0..39)
        .map(|n| whole(&format!("logs/{n}.csv"), row(11).repeat(5)))
        .collect();
    samples.push(whole("logs/x.csv", row(10).repeat(5)));
    let guess = guess(samples, &Seed::default(), &GuessOptions::default()).unwrap();
    check_doubt(
        &guess,
        "columns: 11 columns in 39 of 40 sampled files, 10 in `logs/x.csv`",
    );
    check_setting(&guess, "allow_optional_columns", json!(true));
    assert!(!guess.doubts.iter().any(|doubt| doubt.contains("rejected")));
}

#[test]
fn file_without_the_header_of_the_others_is_named() {
    let samples = vec![
        whole("a", "id,name\n1,x\n"),
        whole("b", "id,name\n2,y\n"),
        whole("c", "id,name\n2,y\n"),
        whole("d", "id,name\n2,y\n"),
        whole("e", "3,z\n4,w\n"),
    ];
    let guess = guess(samples, &Seed::default(), &GuessOptions::default()).unwrap();
    check_setting(&guess, "skip_header_lines", json!(1));
    check_doubt(
        &guess,
        "skip_header_lines: `e` seems to have no header, its first row would be lost",
    );
}

#[test]
fn type_that_differs_in_one_file_is_named() {
    let samples = vec![
        whole("a", "id,v\n1,5\n"),
        whole("b", "id,v\n2,6\n"),
        whole("c", "id,v\n2,many\n"),
    ];
    let guess = guess(samples, &Seed::default(), &GuessOptions::default()).unwrap();
    check_doubt(&guess, "column `v`: long in 2 of 3 sampled files, string in `c`");
}

#[test]
fn samples_are_spread_over_the_files() {
    assert_eq!(sampled_indices(101, 5), [0, 25, 50, 75, 100]);
    let of = |sizes: &[u64], max_samples: usize| sampled_by_size(sizes.iter().copied(), max_samples);
    assert_eq!(of(&[], 5), Vec::<usize>::new());
    assert_eq!(of(&[3], 5), [0]);
    assert_eq!(of(&[3, 0, 2], 5), [0, 1, 2]);
    let mut sizes = [100; 101];
    (sizes[10], sizes[17], sizes[60]) = (0, 900, 3);
    assert_eq!(of(&sizes, 7), [0, 17, 25, 50, 60, 75, 100]);
    assert_eq!(of(&sizes, 2), [17, 60]);
    assert_eq!(of(&[0; 40], 3), [0, 39]);
}
