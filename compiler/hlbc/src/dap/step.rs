//! Where a step leads.
//!
//! Owns the way from one moment to another: forward and back, over functions, into them and out of them. Pure: knows neither
//! values nor the protocol.

/// What stepping knows of moments.
pub(super) trait Moments {
    /// How many there are.
    fn count(&self) -> usize;
    /// How many functions are around one.
    fn depth(&self, moment: usize) -> usize;
    /// Whether one is a stop by itself: there is a breakpoint, or it is where the program fails.
    fn is_stop(&self, moment: usize) -> bool;
}

/// How to go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum How {
    /// To the next moment, wherever it is.
    Into,
    /// To the next one that is not inside of a function called here.
    Over,
    /// To the next one of whoever called this function.
    Out,
    /// To the one before that is not inside of a function called here.
    Back,
    /// To the next stop.
    Continue,
    /// To the stop before.
    Reverse,
}

/// Where that leads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Found {
    /// To a moment, on the way.
    Stop(usize),
    /// To a moment that was meant.
    Step(usize),
    /// Before the first moment.
    Start,
    /// Behind the last one.
    End,
}

/// The moment that a step leads to. From nowhere, the first moment is the next. Stops are honoured on every way.
pub(super) fn step(moments: &dyn Moments, from: Option<usize>, how: How) -> Found {
    let here = from.map_or(0, |from| moments.depth(from));
    let is_meant = |moment: usize| match how {
        How::Into => true,
        How::Over | How::Back => from.is_none() || moments.depth(moment) <= here,
        How::Out => moments.depth(moment) < here,
        How::Continue | How::Reverse => false,
    };
    let found = |moment: usize| {
        if moments.is_stop(moment) {
            Some(Found::Stop(moment))
        } else {
            is_meant(moment).then_some(Found::Step(moment))
        }
    };
    match how {
        How::Back | How::Reverse => (0..from.unwrap_or(0)).rev().find_map(found).unwrap_or(Found::Start),
        _ => (from.map_or(0, |from| from + 1)..moments.count()).find_map(found).unwrap_or(Found::End),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The depth of each moment, and which are stops.
    struct Table<'t>(&'t [usize], &'t [usize]);

    impl Moments for Table<'_> {
        fn count(&self) -> usize {
            self.0.len()
        }
        fn depth(&self, moment: usize) -> usize {
            self.0[moment]
        }
        fn is_stop(&self, moment: usize) -> bool {
            self.1.contains(&moment)
        }
    }

    const DEPTHS: &[usize] = &[0, 0, 1, 2, 2, 1, 0, 1, 0];

    #[test]
    fn steps_lead_over_into_out_and_back() {
        let table = Table(DEPTHS, &[]);
        let to = |from: usize, how| step(&table, Some(from), how);
        for (from, how, found) in [
            (0, How::Over, Found::Step(1)),
            (1, How::Over, Found::Step(6)),
            (1, How::Into, Found::Step(2)),
            (3, How::Out, Found::Step(5)),
            (5, How::Over, Found::Step(6)),
            (5, How::Out, Found::Step(6)),
            (6, How::Out, Found::End),
            (6, How::Over, Found::Step(8)),
            (8, How::Over, Found::End),
            (8, How::Into, Found::End),
            (8, How::Back, Found::Step(6)),
            (6, How::Back, Found::Step(1)),
            (5, How::Back, Found::Step(2)),
            (2, How::Back, Found::Step(1)),
            (0, How::Back, Found::Start),
            (4, How::Continue, Found::End),
            (4, How::Reverse, Found::Start),
        ] {
            assert_eq!(to(from, how), found, "{how:?} from {from}");
        }
        assert_eq!(step(&table, None, How::Into), Found::Step(0));
        assert_eq!(step(&table, None, How::Continue), Found::End);
        assert_eq!(step(&Table(&[], &[]), None, How::Into), Found::End);
    }

    /// The moments that steps of a kind lead to, one after the other.
    fn way(moments: &dyn Moments, from: Option<usize>, how: How) -> Vec<usize> {
        let next = |from: &Option<usize>| match step(moments, *from, how) {
            Found::Stop(moment) | Found::Step(moment) => Some(Some(moment)),
            Found::Start | Found::End => None,
        };
        std::iter::successors(next(&from), next).flatten().collect()
    }

    #[test]
    fn the_way_back_is_the_way_there() {
        // Calls that go in and out as numbers say that look random.
        let mut state: u64 = 7;
        let mut random = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize
        };
        for _ in 0..200 {
            let (mut depths, mut stops) = (vec![0], Vec::new());
            for number in 1..60 {
                let last: usize = depths[number - 1];
                depths.push((last + random() % 3).saturating_sub(1));
                if random() % 5 == 0 {
                    stops.push(number);
                }
            }
            depths.push(0);
            let plain = Table(&depths, &[]);
            let (first, last) = (Some(0), Some(depths.len() - 1));
            assert_eq!(way(&plain, first, How::Into), (1..depths.len()).collect::<Vec<_>>());
            let with_stops = Table(&depths, &stops);
            for (table, there, back) in [(&plain, How::Over, How::Back), (&with_stops, How::Continue, How::Reverse)] {
                let mut returned = way(table, last, back);
                returned.reverse();
                let mut gone = way(table, first, there);
                // The one that the way back begins at, and the one that it ends at.
                gone.retain(|moment| Some(*moment) != last);
                returned.retain(|moment| Some(*moment) != first);
                assert_eq!(returned, gone, "{there:?} and {back:?} in {depths:?} with {stops:?}");
            }
        }
    }

    #[test]
    fn stops_are_honoured_on_every_way() {
        let table = Table(DEPTHS, &[0, 3, 7]);
        let to = |from: usize, how| step(&table, Some(from), how);
        for (from, how, found) in [
            (1, How::Over, Found::Stop(3)),
            (6, How::Over, Found::Stop(7)),
            (6, How::Out, Found::Stop(7)),
            (8, How::Back, Found::Stop(7)),
            (6, How::Back, Found::Stop(3)),
            (0, How::Continue, Found::Stop(3)),
            (3, How::Continue, Found::Stop(7)),
            (7, How::Continue, Found::End),
            (7, How::Reverse, Found::Stop(3)),
            (3, How::Reverse, Found::Stop(0)),
            (0, How::Reverse, Found::Start),
        ] {
            assert_eq!(to(from, how), found, "{how:?} from {from}");
        }
        assert_eq!(step(&table, None, How::Continue), Found::Stop(0));
    }
}
