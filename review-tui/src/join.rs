//! Where the two faces meet: the command line's options, handed to the desk.

use provenance::Context;
use provenance::review::{self, Arguments};
use provenance_desk::keys::Preset;
use provenance_desk::open::{Opening, Shot, open};
use provenance_desk::picture::Picture;
use provenance_desk::theme::Theme;
use provenance_review::failure::{Exit, Failure};

/// Opens the desk as `provenance review` was asked to.
pub fn desk(context: &Context, arguments: Arguments) -> Result<Exit, Failure> {
    let theme = |asked| match asked {
        review::Theme::Dark => Theme::Dark,
        review::Theme::Light => Theme::Light,
        review::Theme::Sixteen => Theme::Sixteen,
        review::Theme::None => Theme::None,
    };
    let preset = |asked| match asked {
        review::Preset::Vi => Preset::Vi,
        review::Preset::Mutt => Preset::Mutt,
    };
    let form = |asked| match asked {
        review::Picture::Svg => Picture::Svg,
        review::Picture::Text => Picture::Text,
        review::Picture::Styles => Picture::Styles,
    };
    let Arguments { terms, press, size, picture, .. } = arguments;
    let shot = |asked| Shot { form: form(asked), press: press.unwrap_or_default(), size };
    open(Opening {
        place: context.place.clone(),
        terms,
        theme: arguments.theme.map(theme),
        preset: arguments.preset.map(preset),
        ascii: arguments.ascii,
        keys: arguments.keys,
        picture: picture.map(shot),
        lab: arguments.lab,
    })
}
