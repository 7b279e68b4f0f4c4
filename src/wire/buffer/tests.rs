use super::*;

#[test]
fn the_inbox_keeps_what_was_read_and_forgets_what_was_consumed() {
    let mut inbox = Inbox::default();
    assert_eq!(inbox.capacity(), 0);
    for part in [&b"hello "[..], b"wor", b"ld"] {
        let room = inbox.room(64);
        room[..part.len()].copy_from_slice(part);
        inbox.filled(part.len());
    }
    assert_eq!(inbox.bytes(), b"hello world");
    inbox.consume(6);
    assert_eq!(inbox.bytes(), b"world");
    inbox.shrink();
    assert_ne!(inbox.capacity(), 0, "what is held is not given back");
    inbox.consume(5);
    inbox.shrink();
    assert_eq!(inbox.capacity(), 0);
}

#[test]
fn the_inbox_never_holds_more_than_the_limit() {
    let mut inbox = Inbox::default();
    let mut held = 0;
    loop {
        let room = inbox.room(10_000).len();
        if room == 0 {
            break;
        }
        held += room;
        inbox.filled(room);
    }
    assert_eq!((held, inbox.len()), (10_000, 10_000));
    inbox.consume(1);
    assert_eq!(inbox.room(10_000).len(), 1);
}

#[test]
fn a_large_piece_stays_where_it_is_whatever_follows() {
    let mut outbox = Outbox::default();
    let large = vec![7; 100_000].into_boxed_slice().into_vec();
    let address = large.as_ptr();
    outbox.push(Piece::Owned(large));
    outbox.extend(b"}");
    let mut slices = [IoSlice::new(&[]), IoSlice::new(&[]), IoSlice::new(&[])];
    assert_eq!(outbox.slices(&mut slices), 2);
    assert_eq!((slices[0].as_ptr(), &slices[1][..]), (address, &b"}"[..]));
}

#[test]
fn a_large_piece_comes_back_with_its_last_byte_and_a_small_one_does_not() {
    let mut outbox = Outbox::default();
    let large = vec![7; SPENT_BYTES_MIN];
    let address = large.as_ptr();
    outbox.extend(b"head");
    outbox.push(Piece::Owned(large));
    outbox.push(Piece::Owned(vec![7; SPENT_BYTES_MIN / 2]));
    assert_eq!(outbox.sent(4), None);
    assert_eq!(outbox.sent(SPENT_BYTES_MIN - 1), None);
    let spent = outbox.sent(2).expect("all of it is written");
    assert_eq!((spent.as_ptr(), spent.len()), (address, SPENT_BYTES_MIN));
    assert_eq!(outbox.sent(SPENT_BYTES_MIN / 2 - 1), None);
    assert!(outbox.is_empty());
}

#[test]
fn what_is_long_is_shared_where_it_lies_and_what_is_short_in_one_piece() {
    let long = vec![b'x'; COPY_BYTES_MAX].into_boxed_slice().into_vec();
    let address = long.as_ptr();
    let mut pieces = [
        Piece::Borrowed(b"{"),
        Piece::default(),
        Piece::Owned(long),
        Piece::Borrowed(b"}"),
    ];
    let shared = share(&mut pieces);
    assert_eq!(shared.len(), 3);
    assert_eq!(
        (shared[0].as_slice(), shared[2].as_slice()),
        (&b"{"[..], &b"}"[..])
    );
    assert_eq!(shared[1].as_slice().as_ptr(), address);
    assert_eq!(
        pieces[2].as_slice().as_ptr(),
        address,
        "its first owner has it still"
    );

    let mut pieces = [Piece::Borrowed(b"{"), Piece::Owned(b"}".to_vec())];
    let shared = share(&mut pieces);
    assert_eq!((shared.len(), shared[0].as_slice()), (1, &b"{}"[..]));
    assert_eq!(
        (pieces[0].as_slice(), pieces[1].as_slice()),
        (&b"{"[..], &b"}"[..])
    );
}

#[test]
fn an_idle_outbox_holds_nothing() {
    let mut outbox = Outbox::default();
    assert_eq!(outbox.capacity(), 0);
    outbox.push(Piece::Shared(Arc::<[u8]>::from(vec![7; 100_000]).into()));
    outbox.extend(b"}");
    assert!(outbox.capacity() > 100_000);
    outbox.sent(100_001);
    outbox.shrink();
    assert_eq!(outbox.capacity(), 0);
}

#[test]
fn a_truncated_inbox_keeps_its_first_bytes_and_takes_more() {
    let mut inbox = Inbox::with(b"a hello world");
    inbox.consume(2);
    inbox.truncate(5);
    inbox.push(b"!");
    assert_eq!(inbox.bytes(), b"hello!");
    inbox.truncate(10);
    assert_eq!(inbox.len(), 6);
    inbox.truncate(0);
    inbox.shrink();
    assert_eq!(inbox.capacity(), 0);
}

#[test]
fn an_outbox_moves_behind_another_one() {
    let large = vec![b'x'; 5_000];
    for written in [0, 3, 100] {
        let mut other = Outbox::default();
        other.extend(b"head");
        other.push(Piece::Owned(large.clone()));
        other.push(Piece::Shared(Arc::<[u8]>::from(large.clone()).into()));
        let expected = [b"first ", &other.to_vec()[written..], b" last"].concat();
        other.sent(written);
        let mut outbox = Outbox::default();
        outbox.extend(b"first ");
        outbox.append(other);
        outbox.extend(b" last");
        assert_eq!(
            (outbox.to_vec(), outbox.len()),
            (expected.clone(), expected.len())
        );
    }
}

#[test]
fn the_outbox_gives_back_the_bytes_in_order_whatever_the_pieces_and_writes() {
    let large: Vec<u8> = (0..5_000).map(|byte| (byte % 251) as u8).collect();
    let mut expected = b"head ".to_vec();
    expected.extend_from_slice(&large);
    expected.extend_from_slice(b" mid ");
    expected.extend_from_slice(&large);
    expected.extend_from_slice(b" tail");
    for step in [1, 7, 1_000, 100_000] {
        let mut outbox = Outbox::default();
        outbox.extend(b"head ");
        outbox.push(Piece::Owned(large.clone()));
        outbox.push(Piece::Borrowed(b" mid "));
        outbox.push(Piece::Shared(Arc::<[u8]>::from(large.clone()).into()));
        outbox.push(Piece::Owned(b" tail".to_vec()));
        assert_eq!(outbox.to_vec(), expected);
        let mut written = Vec::new();
        while !outbox.is_empty() {
            let mut slices = [IoSlice::new(&[]), IoSlice::new(&[])];
            let count = outbox.slices(&mut slices);
            let bytes: Vec<u8> = slices[..count]
                .iter()
                .flat_map(|slice| slice.iter().copied())
                .take(step)
                .collect();
            outbox.sent(bytes.len());
            written.extend(bytes);
        }
        assert_eq!(written, expected, "in steps of {step}");
    }
}
